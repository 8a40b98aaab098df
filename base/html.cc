// The one place where text becomes HTML.
#include "base/html.h"

namespace nevus {

std::string EscapeHtml(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default: {
        const auto byte = static_cast<unsigned char>(c);
        const bool space = c == '\n' || c == '\t';
        const bool control = (byte < 0x20 && !space) || byte == 0x7f;
        escaped += control ? "\xef\xbf\xbd" : std::string(1, c);
      }
    }
  }
  return escaped;
}

}  // namespace nevus
