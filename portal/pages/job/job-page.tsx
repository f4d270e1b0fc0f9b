import { PageHead } from "../../ui/blocks.tsx";

export default function JobPage() {
  return <PageHead title="Job" />;
}
