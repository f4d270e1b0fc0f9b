import { parseYaml } from "../../../shared/config/yaml.ts";
import { type TemplateFile, templateFile } from "../../../shared/template/template.ts";
import androidGradleBuild from "./android-gradle-build.yaml" with { type: "text" };
import blenderFrames from "./blender-frames.yaml" with { type: "text" };
import dockerRun from "./docker-run.yaml" with { type: "text" };
import ffmpegTranscode from "./ffmpeg-transcode.yaml" with { type: "text" };
import gitCloneAndRun from "./git-clone-and-run.yaml" with { type: "text" };
import huggingfaceBatch from "./huggingface-batch.yaml" with { type: "text" };
import jupyterNotebook from "./jupyter-notebook.yaml" with { type: "text" };
import pytestRun from "./pytest-run.yaml" with { type: "text" };
import pythonScript from "./python-script.yaml" with { type: "text" };
import pytorchGpuCheck from "./pytorch-gpu-check.yaml" with { type: "text" };
import resticBackup from "./restic-backup.yaml" with { type: "text" };

const texts = [
  pythonScript,
  jupyterNotebook,
  ffmpegTranscode,
  blenderFrames,
  pytestRun,
  pytorchGpuCheck,
  dockerRun,
  androidGradleBuild,
  huggingfaceBatch,
  gitCloneAndRun,
  resticBackup,
];

/** The templates that come with the server. Throws FileError if one of them is invalid. */
export function builtinTemplates(): TemplateFile[] {
  return texts.map((text) => parseYaml(text, "builtin template", templateFile));
}
