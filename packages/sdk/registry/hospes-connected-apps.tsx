'use client';

import { useHospes, useConnectedApps, type ClientOptions } from '@hospes/sdk/react';
import { Alert, AlertDescription } from '@/components/ui/alert';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Card, CardContent, CardDescription, CardHeader, CardTitle } from '@/components/ui/card';

const day = (time: string) => new Intl.DateTimeFormat(undefined, { dateStyle: 'long' }).format(new Date(time));

/** What the user has connected. */
export function HospesConnectedApps({ issuer, getToken }: Pick<ClientOptions, 'issuer' | 'getToken'>) {
  const client = useHospes({ issuer, ...(getToken && { getToken }) });
  const { found, error, disconnecting, disconnect, reload } = useConnectedApps(client);

  return (
    <section className="space-y-4">
      {error && (
        <Alert variant="destructive">
          <AlertDescription>{error.isSignedOut ? 'Sign in to see your connected apps.' : 'That did not work.'} <Button variant="link" onClick={reload}>Try again</Button></AlertDescription>
        </Alert>
      )}
      {!found && !error && <p role="status" className="text-muted-foreground">Loading …</p>}
      {found?.connected_apps.length === 0 && <p className="text-muted-foreground">No apps are connected to your account.</p>}
      {found?.connected_apps.map(({ client: app, scopes, connected_at, last_used_at, expires_at }) => (
        <Card key={app.client_id}>
          <CardHeader className="flex-row items-center justify-between">
            <div>
              <CardTitle><bdi>{app.name}</bdi></CardTitle>
              <CardDescription><Badge variant={app.verified || app.first_party ? 'secondary' : 'destructive'}>{app.verified || app.first_party ? 'Verified' : 'Not verified'}</Badge></CardDescription>
            </div>
            <Button variant="outline" aria-label={`Disconnect ${app.name}`} aria-disabled={disconnecting !== null} onClick={() => void disconnect(app.client_id)}>Disconnect</Button>
          </CardHeader>
          <CardContent className="space-y-2 text-sm">
            <ul className="list-inside list-disc">{scopes.map((own) => <li key={own.scope}>{own.text || own.scope}{own.detail && <span className="text-muted-foreground"> · {own.detail}</span>}</li>)}</ul>
            <p className="text-muted-foreground">
              Since {day(connected_at)}. {last_used_at ? `Last used ${day(last_used_at)}.` : 'Not used yet.'} {expires_at ? `Ends ${day(expires_at)}.` : ''}
            </p>
          </CardContent>
        </Card>
      ))}
    </section>
  );
}
