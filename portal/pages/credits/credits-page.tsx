import { PageHead } from "../../ui/blocks.tsx";

export default function CreditsPage() {
  return <PageHead title="Credits" />;
}
