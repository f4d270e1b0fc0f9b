/** Imported `with { type: "text" }`, which puts the text of the file into the binary. */
declare module "*.yaml" {
  const text: string;
  export default text;
}
