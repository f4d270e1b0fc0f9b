import { defineOptions, flagOption } from "../../shared/config/options.ts";

export const prefixOption = defineOptions({
  "no-prefix": flagOption(
    "For an array: print the lines as its jobs wrote them, without the job's name in front",
    "Output and waiting",
  ),
});

export const cancelOnExitOption = defineOptions({
  "cancel-on-exit": flagOption(
    "Cancel the job if Ctrl-C, TERM or HUP ends this command, or nobody reads its output any more",
    "Output and waiting",
  ),
});
