//! The crates `openidconnect` and `oauth2` against a running Hospes.

mod person;

use oauth2::{
    AuthUrl, ClientId, ClientSecret, CsrfToken, IntrospectionUrl, PkceCodeChallenge, RedirectUrl, Scope,
    TokenIntrospectionResponse as _, TokenUrl, basic::BasicClient,
};
use openidconnect::{
    AccessTokenHash, AuthorizationCode, EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl, Nonce,
    OAuth2TokenResponse as _, TokenResponse as _,
    core::{CoreClient, CoreProviderMetadata, CoreResponseType, CoreUserInfoClaims},
    url::Url,
};
use person::{Person, http, issuer};

type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// By discovery: also fetches and reads the keys.
fn discovered(client_id: &str, secret: Option<&str>, redirect_uri: &str) -> Client {
    let metadata = CoreProviderMetadata::discover(&IssuerUrl::new(issuer()).unwrap(), &http()).unwrap();
    let secret = secret.map(|text| ClientSecret::new(text.to_owned()));
    CoreClient::from_provider_metadata(metadata, ClientId::new(client_id.to_owned()), secret)
        .set_redirect_uri(RedirectUrl::new(redirect_uri.to_owned()).unwrap())
}

fn parameter(url: &Url, name: &str) -> String {
    let values: Vec<String> = url.query_pairs().filter(|(own, _)| own == name).map(|(_, value)| value.into()).collect();
    assert_eq!(values.len(), 1, "{name} once in {url}");
    values.into_iter().next().unwrap()
}

#[test]
fn openidconnect_signs_in_reads_user_info_and_refreshes() {
    let client = discovered("web", Some("web-secret-for-tests-0123456789abcdef"), "https://web.example/callback");
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, state, nonce) = client
        .authorize_url(
            openidconnect::AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        )
        .add_scopes(["profile", "email", "offline_access"].map(|value| Scope::new(value.to_owned())))
        .set_pkce_challenge(challenge)
        .url();
    let answer = Person::new("dora").authorize(url);
    assert_eq!(parameter(&answer, "state"), *state.secret());
    assert_eq!(parameter(&answer, "iss"), issuer());

    let tokens = client
        .exchange_code(AuthorizationCode::new(parameter(&answer, "code")))
        .unwrap()
        .set_pkce_verifier(verifier)
        .request(&http())
        .unwrap();
    let id_token = tokens.id_token().expect("an ID token");
    let checker = client.id_token_verifier();
    let claims = id_token.claims(&checker, &nonce).expect("signature, issuer, audience, times and nonce");
    let hash = AccessTokenHash::from_token(
        tokens.access_token(),
        id_token.signing_alg().unwrap(),
        id_token.signing_key(&checker).unwrap(),
    );
    assert_eq!(claims.access_token_hash(), Some(&hash.unwrap()));
    assert!(claims.auth_time().is_some());

    let info: CoreUserInfoClaims = client
        .user_info(tokens.access_token().clone(), Some(claims.subject().clone()))
        .unwrap()
        .request(&http())
        .unwrap();
    assert_eq!(info.email().unwrap().as_str(), "dora@harbour.example");
    assert_eq!(info.name().unwrap().get(None).unwrap().as_str(), "Dora Dock");

    let refreshed = client.exchange_refresh_token(tokens.refresh_token().unwrap()).unwrap().request(&http()).unwrap();
    assert_ne!(refreshed.access_token().secret(), tokens.access_token().secret());
}

#[test]
fn openidconnect_public_client_on_a_loopback_port() {
    let client = discovered("native", None, "http://127.0.0.1:40123/callback");
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, _, nonce) = client
        .authorize_url(
            openidconnect::AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        )
        .set_pkce_challenge(challenge)
        .url();
    let answer = Person::new("dora").authorize(url);
    assert_eq!(answer.port(), Some(40123));
    let tokens = client
        .exchange_code(AuthorizationCode::new(parameter(&answer, "code")))
        .unwrap()
        .set_pkce_verifier(verifier)
        .request(&http())
        .unwrap();
    tokens.id_token().unwrap().claims(&client.id_token_verifier(), &nonce).unwrap();
    assert!(tokens.refresh_token().is_none(), "no offline_access, no refresh token");
}

#[test]
fn oauth2_with_an_encoded_secret_code_refresh_and_introspection() {
    let endpoint = |path: &str| format!("{}/oauth2/{path}", issuer());
    let client = BasicClient::new(ClientId::new("odd-conf".to_owned()))
        .set_client_secret(ClientSecret::new("s3cr3t/+=%2D:&?~0123456789-abcdef".to_owned()))
        .set_auth_uri(AuthUrl::new(endpoint("authorize")).unwrap())
        .set_token_uri(TokenUrl::new(endpoint("token")).unwrap())
        .set_introspection_url(IntrospectionUrl::new(endpoint("introspect")).unwrap())
        .set_redirect_uri(RedirectUrl::new("https://odd.example/callback".to_owned()).unwrap());
    let machine =
        client.exchange_client_credentials().add_scope(Scope::new("notes.read".to_owned())).request(&http()).unwrap();
    let answer = client.introspect(machine.access_token()).request(&http()).unwrap();
    assert!(answer.active());
    assert_eq!(answer.client_id().unwrap().as_str(), "odd-conf");

    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, state) = client
        .authorize_url(CsrfToken::new_random)
        .add_scope(Scope::new("notes.read".to_owned()))
        .add_scope(Scope::new("offline_access".to_owned()))
        .set_pkce_challenge(challenge)
        .url();
    let mut person = Person::new("dora");
    let answer = person.authorize(url);
    assert_eq!(person.visited, ["login", "consent"]);
    assert_eq!(parameter(&answer, "state"), *state.secret());
    let tokens = client
        .exchange_code(AuthorizationCode::new(parameter(&answer, "code")))
        .set_pkce_verifier(verifier)
        .request(&http())
        .unwrap();
    let refreshed = client.exchange_refresh_token(tokens.refresh_token().unwrap()).request(&http()).unwrap();
    assert!(client.introspect(refreshed.access_token()).request(&http()).unwrap().active());
}
