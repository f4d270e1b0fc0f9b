/** Imported `with { type: "text" }`, so that the file is part of the binary as it is. */
declare module "*.yaml" {
  const text: string;
  export default text;
}
