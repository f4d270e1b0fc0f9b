import { PageHead } from "../../ui/blocks.tsx";

export default function OverviewPage() {
  return <PageHead title="Overview" />;
}
