#include "base/name.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"

namespace nevus {
namespace {

constexpr size_t kMaxNameBytes = 63;
constexpr size_t kMaxExampleIdBytes = 200;
constexpr size_t kMaxQuotedBytes = 80;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNameStart(char c) { return (c >= 'a' && c <= 'z') || IsDigit(c); }

bool IsName(const std::string& text) {
  if (text.empty() || text.size() > kMaxNameBytes || !IsNameStart(text[0])) {
    return false;
  }
  for (char c : text) {
    if (!IsNameStart(c) && c != '_' && c != '-') return false;
  }
  return true;
}

// Length of the UTF-8 sequence that begins `text` at `at`; 0 if it is invalid
// (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF).
size_t Utf8Length(const std::string& text, size_t at) {
  const auto byte = [&](size_t i) {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u;
  };
  const auto continues = [&](size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (!continues(1) || !continues(2)) return 0;
    if (lead == 0xE0 && byte(1) < 0xA0) return 0;
    if (lead == 0xED && byte(1) > 0x9F) return 0;
    return 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if (lead == 0xF0 && byte(1) < 0x90) return 0;
    if (lead == 0xF4 && byte(1) > 0x8F) return 0;
    return 4;
  }
  return 0;
}

}  // namespace

absl::Status CheckName(const std::string& what, const std::string& name) {
  if (IsName(name)) return absl::OkStatus();
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          what, " name ", Quoted(name), " cannot be used; a name is 1 to ",
          kMaxNameBytes,
          " of a-z, 0-9, '_' and '-', beginning with a letter or digit")),
      "NAME_INVALID");
}

absl::Status CheckExampleId(const std::string& id) {
  const auto refuse = [&](const std::string& why) {
    return WithReason(absl::InvalidArgumentError(
                          absl::StrCat("example id ", Quoted(id), " ", why)),
                      "EXAMPLE_ID_INVALID");
  };
  if (id.empty()) return refuse("is empty; give each example an id");
  if (id.size() > kMaxExampleIdBytes) {
    return refuse(absl::StrCat("is ", id.size(), " bytes long; the most is ",
                               kMaxExampleIdBytes));
  }
  if (id == "." || id == "..") return refuse("names a directory; rename it");
  for (size_t at = 0; at < id.size();) {
    const size_t length = Utf8Length(id, at);
    if (length == 0) return refuse("is not valid UTF-8; rename it");
    const unsigned char c = static_cast<unsigned char>(id[at]);
    if (c < 0x20 || c == 0x7F) {
      return refuse("holds a control character; rename it");
    }
    if (c == '/' || c == '\\') return refuse("holds a slash; rename it");
    at += length;
  }
  return absl::OkStatus();
}

std::string VersionedName::ToString() const {
  return alias.empty() ? absl::StrCat(name, "@", version)
                       : absl::StrCat(name, "@", alias);
}

absl::StatusOr<VersionedName> ParseVersionedName(const std::string& what,
                                                 const std::string& text) {
  const size_t at = text.find('@');
  if (at == std::string::npos) {
    return WithReason(absl::InvalidArgumentError(absl::StrCat(
                          what, " ", Quoted(text),
                          " has no version; write it as NAME@VERSION, such as ",
                          IsName(text) ? text : "name", "@1")),
                      "VERSION_MISSING");
  }
  VersionedName result;
  result.name = text.substr(0, at);
  const std::string suffix = text.substr(at + 1);
  RETURN_IF_ERROR(CheckName(what, result.name));
  if (!suffix.empty() && IsDigit(suffix[0])) {
    if (!absl::SimpleAtoi(suffix, &result.version) || result.version < 1) {
      return WithReason(absl::InvalidArgumentError(absl::StrCat(
                            what, " version ", Quoted(suffix),
                            " is no number from 1; versions count 1, 2, 3")),
                        "VERSION_INVALID");
    }
    return result;
  }
  RETURN_IF_ERROR(CheckName(what + " alias", suffix));
  result.alias = suffix;
  return result;
}

absl::StatusOr<VersionedName> ParseVersion(const std::string& what,
                                           const std::string& text) {
  ASSIGN_OR_RETURN(VersionedName result, ParseVersionedName(what, text));
  if (result.version == 0) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            what, " ", Quoted(text), " ends in an alias; a number is needed ",
            "here, such as ", result.name, "@1")),
        "VERSION_INVALID");
  }
  return result;
}

std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (char raw : text.substr(0, kMaxQuotedBytes)) {
    const auto c = static_cast<unsigned char>(raw);
    if (c < 0x20 || c == 0x7F) {
      absl::StrAppendFormat(&quoted, "\\x%02x", c);
    } else if (c == '"' || c == '\\') {
      quoted += {'\\', raw};
    } else {
      quoted += raw;
    }
  }
  if (text.size() > kMaxQuotedBytes) quoted += "...";
  return quoted + "\"";
}

}  // namespace nevus
