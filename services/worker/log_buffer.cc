#include "services/worker/log_buffer.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace nevus {
namespace {

// Bytes of the UTF-8 character that `text` begins with; 0 if it begins with
// none. By the table of well-formed sequences (Unicode, table 3-7).
size_t CharacterBytes(std::string_view text) {
  const auto byte = [&](size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  const size_t bytes = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const unsigned least = first == 0xE0   ? 0xA0
                         : first == 0xF0 ? 0x90
                                         : 0x80;  // shorter forms
  const unsigned most = first == 0xED   ? 0x9F
                        : first == 0xF4 ? 0x8F
                                        : 0xBF;  // no characters
  return byte(1) < least || byte(1) > most ? 0 : bytes;
}

}  // namespace

void LogBuffer::Add(std::string_view line) {
  lines_.push_back(CleanLine(line));
  ++newest_;
  if (lines_.size() > kMostLines) lines_.pop_front();
}

LogBuffer::Batch LogBuffer::Next() const {
  Batch batch;
  batch.first = first();
  if (lost() > 0) {
    // Under the number of the last one that is missing.
    --batch.first;
    batch.lines.push_back(
        absl::StrCat("(", lost(),
                     " lines before this one were dropped: the "
                     "worker said more than could be sent)"));
  }
  const size_t count =
      std::min(lines_.size(), kMostLinesInBatch - batch.lines.size());
  batch.lines.insert(batch.lines.end(), lines_.begin(), lines_.begin() + count);
  return batch;
}

void LogBuffer::Settle(int64_t last) {
  while (!lines_.empty() && first() <= last) lines_.pop_front();
  settled_ = std::max(settled_, last);
}

std::string CleanLine(std::string_view line) {
  std::string clean;
  for (size_t i = 0; i < line.size();) {
    const size_t bytes = CharacterBytes(line.substr(i));
    if (clean.size() + std::max<size_t>(bytes, 1) > LogBuffer::kMostLineBytes) {
      break;
    }
    const auto first = static_cast<unsigned char>(line[i]);
    if (bytes == 0) {
      clean += '?';
    } else if (first < 0x20 || first == 0x7F) {
      clean += ' ';
    } else {
      clean += line.substr(i, bytes);
    }
    i += std::max<size_t>(bytes, 1);
  }
  return clean;
}

}  // namespace nevus
