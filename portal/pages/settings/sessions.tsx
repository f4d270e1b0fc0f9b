import { Card } from "../../ui/blocks.tsx";

/** Where the person is signed in. */
export function Sessions() {
  return (
    <Card title="Your sessions">
      <p>
        The browsers and programs in which you are signed in are on <a href="/account">your account's page</a>
        , where each can be signed out.
      </p>
    </Card>
  );
}
