/**
 * What most pages share, so that it comes with the first script: a file of each module would cost a page one request more
 * for each. Modules that few pages need, or that are large, are not here.
 */
import "./api/names.ts";
import "./api/use-data.ts";
import "./api/use-pages.ts";
import "./charts/shades.ts";
import "./charts/small.tsx";
import "./manifest/manifest-of.ts";
import "./ui/choice.tsx";
import "./ui/counted.ts";
import "./ui/field.tsx";
import "./ui/form.tsx";
import "./ui/job-words.ts";
import "./ui/list.tsx";
import "./ui/menu-button.tsx";
import "./ui/node-commands.ts";
import "./ui/status.tsx";
import "./ui/table.tsx";
import "./ui/tabs.tsx";
import "./ui/time.tsx";
