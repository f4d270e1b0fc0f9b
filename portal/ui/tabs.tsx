/** Parts of a page, each with an address of its own. */
export function Tabs(props: {
  label: string;
  tabs: readonly { href: string; text: string; isCurrent: boolean }[];
}) {
  return (
    <nav class="tabs" aria-label={props.label}>
      {props.tabs.map(({ href, text, isCurrent }) => (
        <a key={href} href={href} {...(isCurrent && { "aria-current": "page" })}>
          {text}
        </a>
      ))}
    </nav>
  );
}
