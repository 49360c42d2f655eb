//! An access token that was presented, with what the store knows of it at this moment, in one read.

use crate::{
    app::App,
    failure::Failure,
    records::{Current, Registered},
    store::{Tx, standing::TokenStanding},
};
use hospes_protocol::{
    access_token::AccessTokenClaims,
    liveness::{self, Standing},
};
use std::sync::Arc;

/// The rows behind a token.
pub(crate) struct Behind {
    pub(crate) current: Current,
    pub(crate) client: Option<Arc<Registered>>,
    pub(crate) rows: TokenStanding,
}

pub(crate) fn load(tx: &mut Tx<'_>, app: &App, claims: &AccessTokenClaims) -> Result<Behind, Failure> {
    let rows = if let Some(family) = &claims.fid {
        tx.find_token_standing(&app.project, family, &claims.jti)?
    } else {
        let is_listed = tx.is_token_revoked(&app.project, &claims.jti)?;
        TokenStanding { family: None, user: None, grant: None, is_listed }
    };
    let current = app.records.project(tx, &app.project)?;
    let client = app.records.client(tx, &current, &claims.client_id)?;
    Ok(Behind { current, client, rows })
}

impl Behind {
    pub(crate) fn standing(&self) -> Standing<'_> {
        Standing {
            project_valid_from: self.current.project.tokens_valid_from,
            client: self.client.as_ref().map(|registered| &registered.client),
            user: self.rows.user.as_ref(),
            grant: self.rows.grant.as_ref(),
        }
    }

    pub(crate) fn token<'a>(&'a self, claims: &'a AccessTokenClaims) -> liveness::AccessToken<'a> {
        liveness::AccessToken { claims, family: self.rows.family.as_ref(), is_listed: self.rows.is_listed }
    }
}
