import { PageHead } from "../../ui/blocks.tsx";

export default function SubmitPage() {
  return <PageHead title="New job" />;
}
