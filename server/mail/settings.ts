import { z } from "zod";
import { defineOptions, OptionError, optionText } from "../../shared/config/options.ts";

/** How the server sends mail. */
export interface MailSettings {
  /** An smtp:// or smtps:// URL. It may contain a password: show it only through `maskedUrl`. */
  smtpUrl: string;
  from: string;
}

/** Options that say how mail is sent. */
export const mailOptions = defineOptions({
  "smtp-url": {
    kind: "value",
    placeholder: "URL",
    env: "TANVRIT_SMTP_URL",
    fileKey: "smtpUrl",
    schema: () =>
      optionText.refine((url) => /^smtps?:\/\/./.test(url) && URL.canParse(url), {
        error: "must be a URL like smtps://user:password@mail.example.org",
      }),
    help: "The mail server through which sign-in codes and invitations are sent; a password in it is safer in the variable",
  },
  "mail-from": {
    kind: "value",
    placeholder: "ADDRESS",
    env: "TANVRIT_MAIL_FROM",
    fileKey: "mailFrom",
    schema: () =>
      optionText.regex(/^([^<>\r\n]*<[^<>@\s]+@[^<>@\s]+>|[^<>@\s]+@[^<>@\s]+)$/, {
        error: 'must be an address like compute@example.org or "Compute <compute@example.org>"',
      }),
    help: "The sender of the server's mails; needed with --smtp-url",
  },
});

/** The same settings in the config file. */
export const mailFile = { smtpUrl: z.string().optional(), mailFrom: z.string().optional() };

/** Undefined: the server sends no mail. Throws OptionError if one setting comes without the other. */
export function mailSettings(values: {
  "smtp-url": string | undefined;
  "mail-from": string | undefined;
}): MailSettings | undefined {
  const { "smtp-url": smtpUrl, "mail-from": from } = values;
  if (smtpUrl === undefined && from === undefined) return undefined;
  if (smtpUrl !== undefined && from !== undefined) return { smtpUrl, from };
  const missing = smtpUrl === undefined ? "--smtp-url" : "--mail-from";
  throw new OptionError("flag", `mail needs --smtp-url and --mail-from; ${missing} is missing`);
}
