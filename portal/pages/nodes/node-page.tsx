import { PageHead } from "../../ui/blocks.tsx";

export default function NodePage() {
  return <PageHead title="Node" />;
}
