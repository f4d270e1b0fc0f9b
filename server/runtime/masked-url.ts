/** The URL for logs and errors, without the user, the password and anything after `?`. Never throws. */
export function maskedUrl(url: string): string {
  const [, scheme = "", rest = ""] = /^([a-z][a-z0-9+.-]*:\/\/)(.*)$/is.exec(url) ?? [];
  if (!scheme) return "(not a URL)";
  // A password may contain unescaped characters, so nothing before the last @ is shown, even if that @ comes after a `?`.
  const place = rest.slice(rest.lastIndexOf("@") + 1);
  const isPlain = !rest.slice(0, rest.length - place.length).includes("?");
  return isPlain ? scheme + (place.split(/[?#]/)[0] ?? "") : `${scheme}(hidden)`;
}
