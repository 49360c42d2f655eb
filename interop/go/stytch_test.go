// The official Go SDK of Stytch, as the host app's back end uses it, against the management API.
package interop

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stytchauth/stytch-go/v18/stytch/consumer/connectedapps/clients"
	"github.com/stytchauth/stytch-go/v18/stytch/consumer/idp"
	"github.com/stytchauth/stytch-go/v18/stytch/consumer/idp/oauth"
	"github.com/stytchauth/stytch-go/v18/stytch/consumer/m2m"
	m2mclients "github.com/stytchauth/stytch-go/v18/stytch/consumer/m2m/clients"
	"github.com/stytchauth/stytch-go/v18/stytch/consumer/m2m/clients/secrets"
	"github.com/stytchauth/stytch-go/v18/stytch/consumer/passwords"
	"github.com/stytchauth/stytch-go/v18/stytch/consumer/sessions"
	"github.com/stytchauth/stytch-go/v18/stytch/consumer/stytchapi"
	"github.com/stytchauth/stytch-go/v18/stytch/consumer/users"
	"github.com/stytchauth/stytch-go/v18/stytch/stytcherror"
)

const (
	project  = "project-test-11111111-1111-4111-8111-111111111111"
	secret   = "secret-test-for-interop-0123456789abcdef"
	callback = "https://partner.example/callback"
	password = "A quite unusual sentence 4711"
)

var (
	issuer = os.Getenv("INTEROP_ISSUER")
	ctx    = context.Background()
)

// What the SDK does not know: our extensions, and the token endpoint.
func send(t *testing.T, method, path string, body, into any) {
	t.Helper()
	text, err := json.Marshal(body)
	must(t, err)
	request, err := http.NewRequest(method, issuer+path, bytes.NewReader(text))
	must(t, err)
	request.SetBasicAuth(project, secret)
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	must(t, err)
	defer answer.Body.Close()
	if answer.StatusCode != 200 {
		t.Fatalf("%s %s: %s", method, path, answer.Status)
	}
	must(t, json.NewDecoder(answer.Body).Decode(into))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func check(t *testing.T, holds bool, what string) {
	t.Helper()
	if !holds {
		t.Fatal(what)
	}
}

func refused(t *testing.T, err error, status int, errorType string) {
	t.Helper()
	var refusal stytcherror.Error
	if !errors.As(err, &refusal) || refusal.StatusCode != status || string(refusal.ErrorType) != errorType {
		t.Fatalf("not refused with %d %s: %v", status, errorType, err)
	}
}

func unique() string {
	drawn := make([]byte, 6)
	if _, err := rand.Read(drawn); err != nil {
		panic(err)
	}
	return hex.EncodeToString(drawn)
}

// A client of the project, whose Stytch plane is on.
func connect(t *testing.T) *stytchapi.API {
	t.Helper()
	var settings map[string]any
	send(t, "PATCH", "/v1/settings", map[string]any{"stytch": map[string]any{"enabled": true, "issuer": "project_id"}}, &settings)
	client, err := stytchapi.NewClient(project, secret, stytchapi.WithBaseURI(issuer))
	must(t, err)
	return client
}

// A user with a password, logged in.
func login(t *testing.T, client *stytchapi.API) *passwords.CreateResponse {
	t.Helper()
	made, err := client.Passwords.Create(ctx, &passwords.CreateParams{
		Email: "go-" + unique() + "@example.com", Password: password, SessionDurationMinutes: 60,
	})
	must(t, err)
	return made
}

func TestUsersPasswordsAndSessions(t *testing.T) {
	client := connect(t)
	made := login(t, client)
	email := made.User.Emails[0].Email
	_, err := client.Passwords.Create(ctx, &passwords.CreateParams{Email: email, Password: password})
	refused(t, err, 400, "duplicate_email")
	_, err = client.Passwords.Authenticate(ctx, &passwords.AuthenticateParams{Email: email, Password: "wrong"})
	refused(t, err, 401, "unauthorized_credentials")

	external := "go-" + unique()
	_, err = client.Users.Update(ctx, &users.UpdateParams{UserID: made.UserID, ExternalID: external, TrustedMetadata: map[string]any{"plan": "gold"}})
	must(t, err)
	user, err := client.Users.Get(ctx, &users.GetParams{UserID: external})
	must(t, err)
	check(t, user.UserID == made.UserID && user.TrustedMetadata["plan"] == "gold", "found by the host's own id")

	local, err := client.Sessions.AuthenticateJWTLocal(made.SessionJWT, 5*time.Minute)
	must(t, err)
	check(t, local.UserID == made.UserID, "the JWT is verified with the key set")
	remote, err := client.Sessions.Authenticate(ctx, &sessions.AuthenticateParams{SessionToken: made.SessionToken})
	must(t, err)
	check(t, remote.Session.SessionID == local.SessionID, "the same session by its token")
	_, err = client.Sessions.Revoke(ctx, &sessions.RevokeParams{SessionID: local.SessionID})
	must(t, err)
	_, err = client.Sessions.Authenticate(ctx, &sessions.AuthenticateParams{SessionToken: made.SessionToken})
	refused(t, err, 404, "session_not_found")
	_, err = client.Users.Delete(ctx, &users.DeleteParams{UserID: made.UserID})
	must(t, err)
	_, err = client.Users.Get(ctx, &users.GetParams{UserID: made.UserID})
	refused(t, err, 404, "user_not_found")
}

func TestAnAppGoesThroughTheCodeFlow(t *testing.T) {
	client := connect(t)
	user := login(t, client)
	_, err := client.Users.Update(ctx, &users.UpdateParams{UserID: user.UserID, Roles: &[]string{"member"}})
	must(t, err)
	made, err := client.ConnectedApp.Clients.Create(ctx, &clients.CreateParams{
		ClientType: clients.CreateRequestClientTypeThirdPartyPublic, ClientName: "Partner", RedirectURLs: []string{callback},
	})
	must(t, err)
	app := made.ConnectedApp.ClientID
	scopes := []string{"openid", "notes.read"}
	start, err := client.IDP.OAuth.AuthorizeStart(ctx, &oauth.AuthorizeStartParams{
		ClientID: app, RedirectURI: callback, ResponseType: "code", Scopes: scopes, SessionToken: user.SessionToken,
	})
	must(t, err)
	check(t, start.ConsentRequired && start.UserID == user.UserID, "a third party is asked for")
	verifier := base64.RawURLEncoding.EncodeToString([]byte(unique() + unique() + unique() + unique()))
	hash := sha256.Sum256([]byte(verifier))
	done, err := client.IDP.OAuth.Authorize(ctx, &oauth.AuthorizeParams{
		ClientID: app, RedirectURI: callback, ResponseType: "code", Scopes: scopes, SessionToken: user.SessionToken,
		ConsentGranted: true, CodeChallenge: base64.RawURLEncoding.EncodeToString(hash[:]),
	})
	must(t, err)
	var tokens struct {
		AccessToken string `json:"access_token"`
	}
	send(t, "POST", "/v1/public/"+project+"/oauth2/token", map[string]any{
		"grant_type": "authorization_code", "client_id": app, "code": done.AuthorizationCode, "code_verifier": verifier,
		"redirect_uri": callback,
	}, &tokens)

	may := &sessions.AuthorizationCheck{ResourceID: "notes", Action: "read"}
	local, err := client.IDP.IntrospectTokenLocal(ctx, &idp.IntrospectTokenLocalParams{Token: tokens.AccessToken, AuthorizationCheck: may})
	must(t, err)
	check(t, local.Subject == user.UserID, "verified with the key set")
	_, err = client.IDP.IntrospectTokenNetwork(ctx, &idp.IntrospectTokenNetworkParams{Token: tokens.AccessToken, ClientID: app, AuthorizationCheck: may})
	must(t, err)
	mayNot := &sessions.AuthorizationCheck{ResourceID: "notes", Action: "write"}
	_, err = client.IDP.IntrospectTokenLocal(ctx, &idp.IntrospectTokenLocalParams{Token: tokens.AccessToken, AuthorizationCheck: mayNot})
	check(t, err != nil, "what was not granted is not permitted")

	_, err = client.Users.Revoke(ctx, &users.RevokeParams{UserID: user.UserID, ConnectedAppID: app})
	must(t, err)
	_, err = client.IDP.IntrospectTokenNetwork(ctx, &idp.IntrospectTokenNetworkParams{Token: tokens.AccessToken, ClientID: app})
	check(t, err != nil, "a disconnected app has no active token")
	_, err = client.ConnectedApp.Clients.Delete(ctx, &clients.DeleteParams{ClientID: app})
	must(t, err)
}

func TestAMachineGetsTokensWhileItsSecretRotates(t *testing.T) {
	client := connect(t)
	made, err := client.M2M.Clients.Create(ctx, &m2mclients.CreateParams{ClientName: "Night watch", Scopes: []string{"tide.read"}})
	must(t, err)
	id := made.M2MClient.ClientID
	rotated, err := client.M2M.Clients.Secrets.RotateStart(ctx, &secrets.RotateStartParams{ClientID: id})
	must(t, err)
	for _, secret := range []string{made.M2MClient.ClientSecret, rotated.M2MClient.NextClientSecret} {
		token, err := client.M2M.Token(ctx, &m2m.TokenParams{ClientID: id, ClientSecret: secret, Scopes: []string{"tide.read"}})
		must(t, err)
		local, err := client.M2M.AuthenticateToken(ctx, &m2m.AuthenticateTokenParams{
			AccessToken: token.AccessToken, RequiredScopes: []string{"tide.read"}, MaxTokenAge: time.Hour,
		})
		must(t, err)
		check(t, local.ClientID == id && slices.Equal(local.Scopes, []string{"tide.read"}), "the token is the machine's")
	}
	_, err = client.M2M.Clients.Secrets.Rotate(ctx, &secrets.RotateParams{ClientID: id})
	must(t, err)
	_, err = client.M2M.Token(ctx, &m2m.TokenParams{ClientID: id, ClientSecret: made.M2MClient.ClientSecret})
	check(t, err != nil, "the old secret is over")
	_, err = client.M2M.Clients.Delete(ctx, &m2mclients.DeleteParams{ClientID: id})
	must(t, err)
}
