#include "clients/nevus/csv.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace nevus {
namespace {

absl::Status Bad(int line, const std::string& reason, const std::string& what) {
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat("line ", line, " ", what)),
      reason, {{"line", absl::StrCat(line)}});
}

// Offset of the first byte that is not UTF-8 (RFC 3629), or npos. Overlong
// forms pass: they harm nobody who only compares.
size_t FindNonUtf8(const std::string& text) {
  for (size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const size_t length = lead < 0x80                   ? 1
                          : lead >= 0xC2 && lead < 0xE0 ? 2
                          : lead >= 0xE0 && lead < 0xF0 ? 3
                          : lead >= 0xF0 && lead < 0xF5 ? 4
                                                        : 0;
    if (length == 0 || at + length > text.size()) return at;
    for (size_t i = 1; i < length; ++i) {
      if ((text[at + i] & 0xC0) != 0x80) return at;
    }
    at += length;
  }
  return std::string::npos;
}

// Reads one record after another.
class Reader {
 public:
  explicit Reader(const std::string& text) : text_(text) {
    if (absl::StartsWith(text, "\xEF\xBB\xBF")) at_ = 3;
  }

  bool done() const { return at_ >= text_.size(); }

  absl::StatusOr<CsvRecord> Next() {
    CsvRecord record;
    record.line = line_;
    do {
      ASSIGN_OR_RETURN(std::string field, Field());
      record.fields.push_back(std::move(field));
    } while (Take(','));
    if (Take('\r')) {
      Take('\n');
    } else {
      Take('\n');
    }
    ++line_;
    return record;
  }

 private:
  bool Take(char c) {
    if (done() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool AtFieldEnd() const {
    return done() || text_[at_] == ',' || text_[at_] == '\n' ||
           text_[at_] == '\r';
  }

  absl::StatusOr<std::string> Field() {
    if (!Take('"')) {
      const size_t begin = at_;
      while (!AtFieldEnd()) {
        if (text_[at_] == '"') {
          return Bad(line_, "CSV_QUOTE",
                     "has a quote inside a field; put the whole field in "
                     "quotes and double the inner one");
        }
        ++at_;
      }
      return std::string(
          absl::StripAsciiWhitespace(text_.substr(begin, at_ - begin)));
    }
    const int opened = line_;
    std::string field;
    while (true) {
      if (done()) {
        return Bad(opened, "CSV_QUOTE",
                   "opens a quote that is never closed; close or remove it");
      }
      const char c = text_[at_++];
      if (c == '"' && !Take('"')) break;
      if (c == '\n') ++line_;
      field += c;
    }
    if (!AtFieldEnd()) {
      return Bad(
          line_, "CSV_QUOTE",
          "has text after a closing quote; put the whole field in quotes");
    }
    return field;
  }

  const std::string& text_;
  size_t at_ = 0;
  int line_ = 1;
};

}  // namespace

absl::StatusOr<std::vector<CsvRecord>> ParseCsv(const std::string& text) {
  if (const size_t at = FindNonUtf8(text); at != std::string::npos) {
    return Bad(
        1 + static_cast<int>(std::count(text.begin(), text.begin() + at, '\n')),
        "CSV_NOT_UTF8",
        "holds bytes that are not UTF-8; save the file as UTF-8");
  }
  std::vector<CsvRecord> records;
  for (Reader reader(text); !reader.done();) {
    ASSIGN_OR_RETURN(CsvRecord record, reader.Next());
    if (record.fields.size() == 1 && record.fields[0].empty()) continue;
    if (!records.empty() && record.fields.size() != records[0].fields.size()) {
      return Bad(record.line, "CSV_FIELDS",
                 absl::StrCat("has ", record.fields.size(),
                              " fields, the header ", records[0].fields.size(),
                              "; give each line as many as the header, and put "
                              "a field with a comma in quotes"));
    }
    records.push_back(std::move(record));
  }
  if (records.empty()) {
    return WithReason(absl::InvalidArgumentError(
                          "it is empty; the first line names the columns"),
                      "CSV_EMPTY");
  }
  return records;
}

}  // namespace nevus
