import { PageHead } from "../../ui/blocks.tsx";

export default function TemplatePage() {
  return <PageHead title="Template" />;
}
