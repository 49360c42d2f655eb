// What went wrong, in words for whoever typed the command.

/** An error of which the message says what to do; `exitCode` is what the program ends with. */
export class Problem extends Error {
  constructor(message, { exitCode = 1, ...options } = {}) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
