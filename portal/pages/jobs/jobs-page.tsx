import { PageHead } from "../../ui/blocks.tsx";

export default function JobsPage() {
  return <PageHead title="Jobs" />;
}
