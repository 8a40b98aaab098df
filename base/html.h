// Text from outside, made safe for a page.
#ifndef NEVUS_BASE_HTML_H_
#define NEVUS_BASE_HTML_H_

#include <string>
#include <string_view>

namespace nevus {

// `text` for an element's content or a quoted attribute: & < > " ' are written
// as references. Control characters, which HTML forbids, become U+FFFD.
std::string EscapeHtml(std::string_view text);

}  // namespace nevus

#endif  // NEVUS_BASE_HTML_H_
