// What a front end says to the packages: the one thing that changes is where the server is.

const settings = JSON.parse(document.getElementById('settings').textContent);

export const publicToken = settings.publicToken;

// `customBaseUrl` is what the packages document, and is https on the usual port whatever it says. Without TLS there is only
// an option that their types do not have.
export const options = settings.issuer.startsWith('https:')
  ? { customBaseUrl: settings.issuer }
  : { endpoints: { testAPIURL: settings.issuer, liveAPIURL: settings.issuer } };
