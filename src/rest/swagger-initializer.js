// Starts Swagger UI on the gateway's own documents. Served by the gateway; nothing is fetched from elsewhere.
window.onload = function () {
  // Swagger UI's own filter looks at tag names only. This one also finds operations, by path, summary, name and method.
  function searchOperations(taggedOperations, phrase) {
    var words = phrase.toLowerCase().split(/\s+/).filter(Boolean);
    return taggedOperations
      .map(function (tag, name) {
        if (words.every(function (word) { return name.toLowerCase().includes(word); })) return tag;
        return tag.set("operations", tag.get("operations").filter(function (each) {
          var operation = each.get("operation");
          var text = [each.get("method"), each.get("path"), operation.get("summary"), operation.get("operationId"), name]
            .join(" ").toLowerCase();
          return words.every(function (word) { return text.includes(word); });
        }));
      })
      .filter(function (tag) { return tag.get("operations").size > 0; });
  }

  // The documents name the address for the world, which a browser behind a tunnel or a proxy may not reach, or may not
  // call from this page. What is tried out here goes to where this page came from.
  var here = new URL("..", window.location.href);
  var base = here.pathname.replace(/\/$/, "");
  function callsThisAddress(updateJsonSpec) {
    return function (document) {
      var address = document.swagger
        ? { schemes: [here.protocol.replace(":", "")], host: here.host, basePath: base || "/" }
        : { servers: [{ url: here.origin + base, description: "This gateway." }] };
      return updateJsonSpec(Object.assign({}, document, address));
    };
  }
  function OwnWays() {
    return {
      fn: { opsFilter: searchOperations },
      statePlugins: { spec: { wrapActions: { updateJsonSpec: callsThisAddress } } },
    };
  }

  window.ui = SwaggerUIBundle({
    urls: [
      { url: "../openapi.json", name: "OpenAPI 3.0" },
      { url: "../openapi-3.1.json", name: "OpenAPI 3.1" },
      { url: "../swagger2.json", name: "Swagger 2.0 (connectors)" },
    ],
    dom_id: "#swagger-ui",
    presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
    plugins: [SwaggerUIBundle.plugins.DownloadUrl, OwnWays],
    layout: "StandaloneLayout",
    deepLinking: true,
    persistAuthorization: true,
    displayRequestDuration: true,
    tryItOutEnabled: true,
    filter: true,
    docExpansion: "none",
    defaultModelsExpandDepth: 0,
    validatorUrl: null,
    onComplete: function () {
      var filter = document.querySelector(".operation-filter-input");
      if (filter) filter.placeholder = "Find an operation: list workspaces, POST deployments, logs";
    },
  });
};
