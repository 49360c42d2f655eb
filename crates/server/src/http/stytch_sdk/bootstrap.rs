//! `GET /sdk/v1/projects/bootstrap/{public_token}`: what a page must know before it begins.
//!
//! Every member must be there: the packages throw away the whole answer when one is missing. Roles and scope values are
//! here because the packages say in the browser what a user may do; that is for show, and checks nothing.

use super::caller::check_public_token;
use crate::{
    app::App,
    failure::Failure,
    http::{
        browser_api::origin::Known,
        management::{path::TextPath, rbac::PolicyView, reply::Reply},
    },
};
use axum::extract::{Extension, Path, State};
use hospes_protocol::password_policy::{PasswordPolicy, PolicyKind};
use serde::Serialize;

#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the members of the contract")]
pub(super) struct Bootstrap {
    project_name: String,
    disable_sdk_watermark: bool,
    cname_domain: Option<String>,
    email_domains: [String; 0],
    captcha_settings: CaptchaSettings,
    pkce_required_for_email_magic_links: bool,
    pkce_required_for_password_resets: bool,
    pkce_required_for_oauth: bool,
    pkce_required_for_sso: bool,
    slug_pattern: Option<String>,
    create_organization_enabled: bool,
    password_config: Option<PasswordConfig>,
    dfp_protected_auth_enabled: bool,
    rbac_policy: PolicyView,
    siwe_required_for_crypto_wallets: bool,
    vertical: &'static str,
}

#[derive(Serialize)]
struct CaptchaSettings {
    enabled: bool,
}

/// Only of a policy by kinds of characters.
#[derive(Serialize)]
struct PasswordConfig {
    luds_complexity: u32,
    luds_minimum_count: u32,
}

impl PasswordConfig {
    fn of(policy: &PasswordPolicy) -> Option<Self> {
        match policy.kind {
            PolicyKind::Zxcvbn => None,
            PolicyKind::Luds => {
                Some(Self { luds_complexity: policy.luds_min_complexity, luds_minimum_count: policy.luds_min_length })
            }
        }
    }
}

/// Whoever opens the page may read it, so the public token in the path is enough.
pub(super) async fn bootstrap(
    State(app): State<App>,
    Extension(known): Extension<Known>,
    _: TextPath,
    Path(public_token): Path<String>,
) -> Result<Reply<Bootstrap>, Failure> {
    check_public_token(&app, &known.current, &public_token).await?;
    let project = &known.current.project;
    Ok(Reply(Bootstrap {
        project_name: project.name.clone(),
        disable_sdk_watermark: true,
        cname_domain: None,
        email_domains: [],
        captcha_settings: CaptchaSettings { enabled: false },
        pkce_required_for_email_magic_links: false,
        pkce_required_for_password_resets: false,
        pkce_required_for_oauth: false,
        pkce_required_for_sso: false,
        slug_pattern: None,
        create_organization_enabled: false,
        password_config: PasswordConfig::of(&project.settings.password_policy),
        dfp_protected_auth_enabled: false,
        rbac_policy: PolicyView::of(&project.policy),
        siwe_required_for_crypto_wallets: false,
        vertical: "CONSUMER",
    }))
}
