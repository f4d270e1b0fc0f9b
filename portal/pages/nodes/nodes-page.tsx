import { PageHead } from "../../ui/blocks.tsx";

export default function NodesPage() {
  return <PageHead title="Nodes" />;
}
