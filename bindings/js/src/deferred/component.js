// The environment inside a component. Not a part of ../component.js: a program that defers nothing does not ask for it.

import { getEnvironment } from 'wasi:cli/environment@0.2.0';

/** A variable's value; undefined where there is none. */
export const variable = (name) => getEnvironment().find(([known]) => known === name)?.[1];
