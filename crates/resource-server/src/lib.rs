//! Verifies access tokens by JWKS.
