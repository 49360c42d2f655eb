// The components that the registry's blocks stand on, with the properties that shadcn gives them and without its looks.

import { cloneElement, createElement, type ComponentProps, type ReactElement } from 'react';

type Variant<P, V> = P & { variant?: V };

const box = (name: string) => (properties: ComponentProps<'div'>) => <div data-slot={name} {...properties} />;

export const Card = box('card');
export const CardHeader = box('card-header');
export const CardTitle = box('card-title');
export const CardDescription = box('card-description');
export const CardContent = box('card-content');
export const CardFooter = box('card-footer');
export const Alert = ({ variant = 'default', ...rest }: Variant<ComponentProps<'div'>, 'default' | 'destructive'>) => <div role="alert" data-variant={variant} {...rest} />;
export const AlertDescription = box('alert-description');
export const Badge = ({ variant = 'default', ...rest }: Variant<ComponentProps<'span'>, 'default' | 'secondary' | 'destructive' | 'outline'>) => <span data-variant={variant} {...rest} />;
export const Label = (properties: ComponentProps<'label'>) => <label {...properties} />;
export function Button({ asChild, variant = 'default', ...rest }: Variant<ComponentProps<'button'>, 'default' | 'outline' | 'link'> & { asChild?: boolean }) {
  if (asChild) return cloneElement(rest.children as ReactElement, {});
  return createElement('button', { type: 'button', 'data-variant': variant, ...rest });
}
export function Checkbox({ checked, onCheckedChange, ...rest }: Omit<ComponentProps<'input'>, 'checked'> & { checked: boolean; onCheckedChange: (checked: boolean) => void }) {
  return <input type="checkbox" checked={checked} onChange={(event) => onCheckedChange(event.target.checked)} {...rest} />;
}
