// The files for browsers become part of the program: it is one file, and reads none of its own at run time. `#embed` (C23) costs
// nothing to compile, unlike SwiftPM's .embedInCode, which takes ten seconds for as much.

#include "CBrowserFiles.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

#define SLUICE_FILE(name) const struct sluice_file sluice_##name = {name##_bytes, sizeof name##_bytes}

static const unsigned char client_js_bytes[] = {
#embed "files/sluice.js"
};
SLUICE_FILE(client_js);

static const unsigned char console_html_bytes[] = {
#embed "files/console.html"
};
SLUICE_FILE(console_html);

static const unsigned char console_css_bytes[] = {
#embed "files/console.css"
};
SLUICE_FILE(console_css);

static const unsigned char charts_js_bytes[] = {
#embed "files/charts.js"
};
SLUICE_FILE(charts_js);

static const unsigned char console_js_bytes[] = {
#embed "files/console.js"
};
SLUICE_FILE(console_js);
