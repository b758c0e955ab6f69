// The console's files, inside the executable, so that one file runs everywhere.
//
// C for the sake of `#embed` (C23): the compiler reads the files as they are, in no time, and builds again when one of
// them changes. A Swift array literal of the same bytes, which is what SwiftPM's `.embedInCode` writes, takes half a
// minute to compile.

#include "HoldfastConsole.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char index_html[] = {
#embed "Assets/index.html"
};
static const unsigned char style_css[] = {
#embed "Assets/style.css"
};
static const unsigned char icon_svg[] = {
#embed "Assets/icon.svg"
};
static const unsigned char api_js[] = {
#embed "Assets/api.js"
};
static const unsigned char app_js[] = {
#embed "Assets/app.js"
};
static const unsigned char audit_js[] = {
#embed "Assets/audit.js"
};
static const unsigned char charts_js[] = {
#embed "Assets/charts.js"
};
static const unsigned char configuration_js[] = {
#embed "Assets/configuration.js"
};
static const unsigned char diff_js[] = {
#embed "Assets/diff.js"
};
static const unsigned char dom_js[] = {
#embed "Assets/dom.js"
};
static const unsigned char drills_js[] = {
#embed "Assets/drills.js"
};
static const unsigned char exchanges_js[] = {
#embed "Assets/exchanges.js"
};
static const unsigned char forms_js[] = {
#embed "Assets/forms.js"
};
static const unsigned char graph_js[] = {
#embed "Assets/graph.js"
};
static const unsigned char lists_js[] = {
#embed "Assets/lists.js"
};
static const unsigned char map_js[] = {
#embed "Assets/map.js"
};
static const unsigned char overrides_js[] = {
#embed "Assets/overrides.js"
};
static const unsigned char overview_js[] = {
#embed "Assets/overview.js"
};
static const unsigned char page_js[] = {
#embed "Assets/page.js"
};
static const unsigned char traffic_js[] = {
#embed "Assets/traffic.js"
};

#define FILE(text, content) {text, content, sizeof content}

static const struct holdfast_console_file files[] = {
    FILE("index.html", index_html), FILE("style.css", style_css), FILE("icon.svg", icon_svg),
    FILE("api.js", api_js), FILE("app.js", app_js), FILE("audit.js", audit_js),
    FILE("charts.js", charts_js), FILE("configuration.js", configuration_js), FILE("diff.js", diff_js),
    FILE("dom.js", dom_js), FILE("drills.js", drills_js), FILE("exchanges.js", exchanges_js),
    FILE("forms.js", forms_js), FILE("graph.js", graph_js), FILE("lists.js", lists_js),
    FILE("map.js", map_js), FILE("overrides.js", overrides_js), FILE("overview.js", overview_js),
    FILE("page.js", page_js), FILE("traffic.js", traffic_js),
};

const size_t holdfast_console_file_count = sizeof files / sizeof files[0];

const struct holdfast_console_file *holdfast_console_file_at(size_t place) {
    return &files[place];
}
