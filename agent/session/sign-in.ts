/** What this machine signs in with: the entry that the command line keeps, or a file that somebody replaces. */
export interface SignIn {
  /** Grows when it may have changed, so that an attempt may be worth making again. */
  readonly version: number;
  /** Resolves as soon as `version` is not this one, or when the signal fires. Never rejects. */
  changed(version: number, signal: AbortSignal): Promise<void>;
}
