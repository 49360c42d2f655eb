'use client';

import { useEffect, useRef, useState } from 'react';
import { useHospes, useInteraction, type ClientOptions, type ConsentStep, type RedirectStep, type ScopeView } from '@hospes/sdk/react';
import { Alert, AlertDescription } from '@/components/ui/alert';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Card, CardContent, CardDescription, CardFooter, CardHeader, CardTitle } from '@/components/ui/card';
import { Checkbox } from '@/components/ui/checkbox';
import { Label } from '@/components/ui/label';

export interface HospesConsentProps extends Pick<ClientOptions, 'issuer' | 'getToken'> {
  /** What your app is called. */
  hostName: string;
  /** Signs the user in and comes back to `returnUrl`. */
  onLoginRequired: (returnUrl: string) => void;
}

const WARNINGS = {
  loopback: 'Continue only if you have just started this yourself, on this device. Never continue because somebody sent you a link or asked you to copy an address.',
  app: 'Continue only if you have just started this yourself, on this device.',
  unverified: 'Nobody has checked who made this app. Allow it only if you trust the address above.',
  deceptive: 'This app’s name uses letters that look like others. It may be imitating another app.',
};

/** The authorization page. Do not put it into a frame: send `frame-ancestors 'none'` with its page. */
export function HospesConsent({ issuer, getToken, hostName, onLoginRequired }: HospesConsentProps) {
  const client = useHospes({ issuer, ...(getToken && { getToken }) });
  const { interaction, error, isBusy, decide, login, retry } = useInteraction(client);
  const isChoice = interaction?.next === 'login' && interaction.login.select_account && !interaction.login.reauthenticate && interaction.user !== null;

  // A new function at each drawing of the parent is no reason to ask again.
  const latest = useRef(onLoginRequired);
  useEffect(() => void (latest.current = onLoginRequired));
  useEffect(() => {
    if (interaction?.next === 'redirect') window.location.assign(interaction.redirect_url);
    if (interaction?.next === 'login' && !isChoice) {
      latest.current(interaction.login.return_url ?? `${window.location.pathname}?interaction=${encodeURIComponent(interaction.interaction_id)}`);
    }
  }, [interaction, isChoice]);

  if (error && !interaction) {
    return (
      <Card className="mx-auto max-w-md">
        <CardHeader>
          <CardTitle role="alert">{error.isTemporary ? 'We cannot be reached right now' : 'This request cannot be answered'}</CardTitle>
          <CardDescription>{error.isTemporary ? 'Try again in a moment.' : 'Go back to the app and start again.'}</CardDescription>
        </CardHeader>
        <CardFooter className="flex-col items-start gap-3">
          {error.isTemporary && <Button onClick={retry}>Try again</Button>}
          {error.requestId && <p className="text-muted-foreground text-xs">Error ID: {error.requestId}</p>}
        </CardFooter>
      </Card>
    );
  }
  if (isChoice) {
    return (
      <Card className="mx-auto max-w-md">
        <CardHeader>
          <CardTitle>Choose an account</CardTitle>
          <CardDescription>to continue to {interaction.client.name}</CardDescription>
        </CardHeader>
        <CardFooter>
          <Button onClick={() => void login()} aria-disabled={isBusy}>Continue as {interaction.user?.name ?? interaction.user?.email}</Button>
        </CardFooter>
      </Card>
    );
  }
  if (interaction?.next === 'redirect') return <Leaving step={interaction} />;
  if (interaction?.next !== 'consent') return <p role="status" className="text-muted-foreground text-center">Loading …</p>;
  return <Question step={interaction} {...{ hostName, isBusy, decide }} failed={error !== null} />;
}

function Question({ step, hostName, isBusy, failed, decide }: {
  step: ConsentStep;
  hostName: string;
  isBusy: boolean;
  failed: boolean;
  decide: ReturnType<typeof useInteraction>['decide'];
}) {
  const { client, redirect, user, scopes, resources, confirm_only } = step;
  const [left, leave] = useState<ReadonlySet<string>>(new Set());
  const warning = redirect.kind !== 'web' ? redirect.kind : client.verified || client.first_party ? null : 'unverified';
  const toggle = (scope: string) => {
    const next = new Set(left);
    if (!next.delete(scope)) next.add(scope);
    leave(next);
  };
  const allow = () => decide({ decision: 'allow', scopes: scopes.filter((own) => own.grantable && !left.has(own.scope)).map((own) => own.scope) });

  return (
    <Card className="mx-auto max-w-md">
      <CardHeader>
        <CardTitle role="heading" aria-level={1}>
          {confirm_only ? <>Continue to <bdi>{client.name}</bdi>?</> : <><bdi>{client.name}</bdi> wants access to your {hostName} account</>}
        </CardTitle>
        <CardDescription>
          <Badge variant={client.verified || client.first_party ? 'secondary' : 'destructive'}>{client.verified || client.first_party ? 'Verified' : 'Not verified'}</Badge>
        </CardDescription>
      </CardHeader>
      <CardContent className="space-y-4">
        {client.deceptive && <Alert variant="destructive"><AlertDescription>{WARNINGS.deceptive}</AlertDescription></Alert>}
        {user && <p className="text-sm">Signed in as <b><bdi>{user.name ?? user.email}</bdi></b></p>}
        {/* All of it was allowed before: only going on is asked. */}
        <ul className="space-y-2 text-sm" hidden={confirm_only}>
          {scopes.map((own) => (
            <li key={own.scope} className="flex items-center gap-2">
              {own.grantable && own.optional ? (
                <>
                  <Checkbox id={own.scope} checked={!left.has(own.scope)} onCheckedChange={() => toggle(own.scope)} />
                  <Label htmlFor={own.scope}><Words scope={own} /></Label>
                </>
              ) : (
                <span className={own.grantable ? '' : 'text-muted-foreground line-through'}><Words scope={own} />{own.grantable ? '' : ' (not possible with your account)'}</span>
              )}
            </li>
          ))}
        </ul>
        <dl className="space-y-1 border-y py-3 text-sm">
          {resources.map((own) => (
            <div key={own.resource}><dt className="text-muted-foreground inline">Access to </dt><dd className="inline">{own.name} <bdi>{own.resource}</bdi></dd></div>
          ))}
          <div>
            <dt className="text-muted-foreground inline">Sends you to </dt><dd className="inline break-all">
              <bdi className="font-semibold">{redirect.host}</bdi>
              <details><summary>Full address</summary><bdi>{redirect.uri}</bdi></details>
            </dd>
          </div>
        </dl>
        {warning && <Alert><AlertDescription>{WARNINGS[warning]}</AlertDescription></Alert>}
        {failed && <Alert variant="destructive"><AlertDescription>That could not be sent. Try again.</AlertDescription></Alert>}
      </CardContent>
      <CardFooter className="grid grid-cols-2 gap-3">
        <Button onClick={() => void allow()} aria-disabled={isBusy}>{confirm_only ? 'Continue' : 'Allow'}</Button>
        <Button variant="outline" onClick={() => void decide({ decision: 'deny' })} aria-disabled={isBusy}>{confirm_only ? 'Cancel' : 'Deny'}</Button>
      </CardFooter>
    </Card>
  );
}

function Words({ scope }: { scope: ScopeView }) {
  return <span>{scope.text || scope.scope}{scope.detail && <span className="text-muted-foreground block">{scope.detail}</span>}</span>;
}

/** A program on the device does not take the page's place, so the page says how to go on. */
function Leaving({ step }: { step: RedirectStep }) {
  return (
    <Card className="mx-auto max-w-md text-center">
      <CardHeader>
        <CardTitle role="status">Go back to <bdi>{step.client.name}</bdi></CardTitle>
        <CardDescription>You can close this window afterwards.</CardDescription>
      </CardHeader>
      <CardFooter className="justify-center">
        <Button asChild><a href={step.redirect_url} rel="noopener">Open {step.client.name}</a></Button>
      </CardFooter>
    </Card>
  );
}
