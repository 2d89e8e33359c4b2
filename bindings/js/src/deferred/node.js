// The environment in Node.

/** A variable's value; undefined where there is none. */
export const variable = (name) => process.env[name];
