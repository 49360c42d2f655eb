export default {
  globs: ['src/elements/{consent,login,connected-apps,element}.ts'],
  litelement: true,
  // The analyzer would write where its output went into package.json.
  packagejson: false,
};
