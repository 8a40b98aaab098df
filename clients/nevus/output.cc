#include "clients/nevus/output.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace nevus {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// One value of `field`: the `index`-th if it is repeated, else index is -1.
Json Value(const Message& message, const FieldDescriptor& field, int index) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  const bool repeated = index >= 0;
#define NEVUS_GET(Type)                                           \
  repeated ? reflection.GetRepeated##Type(message, &field, index) \
           : reflection.Get##Type(message, &field)
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return NEVUS_GET(Int32);
    case FieldDescriptor::CPPTYPE_INT64:
      return NEVUS_GET(Int64);
    case FieldDescriptor::CPPTYPE_UINT32:
      return NEVUS_GET(UInt32);
    case FieldDescriptor::CPPTYPE_UINT64:
      return NEVUS_GET(UInt64);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return NEVUS_GET(Double);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return NEVUS_GET(Float);
    case FieldDescriptor::CPPTYPE_BOOL:
      return NEVUS_GET(Bool);
    case FieldDescriptor::CPPTYPE_ENUM:
      return (NEVUS_GET(Enum))->name();
    case FieldDescriptor::CPPTYPE_STRING: {
      const std::string text = NEVUS_GET(String);
      return field.type() == FieldDescriptor::TYPE_BYTES
                 ? absl::BytesToHexString(text)
                 : text;
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return ToJson(NEVUS_GET(Message));
  }
#undef NEVUS_GET
  return nullptr;
}

}  // namespace

std::string OneLine(const std::string& text) {
  std::string line = text;
  for (char& c : line) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  return line;
}

size_t Width(const std::string& text) {
  // Continuation bytes of UTF-8 take no column.
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string CutTo(const std::string& text, size_t width) {
  if (Width(text) <= width) return text;
  size_t end = 0, characters = 0;
  for (; end < text.size(); ++end) {
    if ((text[end] & 0xC0) == 0x80) continue;
    if (++characters > (width == 0 ? 0 : width - 1)) break;
  }
  return absl::StrCat(text.substr(0, end), width == 0 ? "" : "\xE2\x80\xA6");
}

std::string AlignTable(const Table& table) {
  std::vector<const Row*> rows;
  if (!table.header.empty()) rows.push_back(&table.header);
  for (const Row& row : table.rows) rows.push_back(&row);
  std::vector<size_t> widths;
  for (const Row* row : rows) {
    widths.resize(std::max(widths.size(), row->size()));
    for (size_t i = 0; i < row->size(); ++i) {
      widths[i] = std::max(widths[i], Width((*row)[i]));
    }
  }
  std::string text;
  for (const Row* row : rows) {
    std::string line;
    for (size_t i = 0; i < row->size(); ++i) {
      const std::string cell = OneLine((*row)[i]);
      line += cell;
      if (i + 1 < row->size()) line.append(widths[i] - Width(cell) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string CsvLine(const Row& row) {
  std::string line;
  for (size_t i = 0; i < row.size(); ++i) {
    if (i > 0) line += ',';
    if (row[i].find_first_of(",\"\r\n") == std::string::npos) {
      line += row[i];
    } else {
      line += '"' + absl::StrReplaceAll(row[i], {{"\"", "\"\""}}) + '"';
    }
  }
  return line + "\n";
}

std::string FormatNumber(double value, int digits) {
  return absl::StrFormat("%.*f", digits, value);
}

std::string FormatCount(int64_t count) {
  std::string digits = absl::StrCat(count);
  const int first = count < 0 ? 1 : 0;
  for (int at = static_cast<int>(digits.size()) - 3; at > first; at -= 3) {
    digits.insert(static_cast<size_t>(at), ",");
  }
  return digits;
}

std::string FormatBytes(int64_t bytes) {
  const char* const units[] = {"B", "kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes);
  int unit = 0;
  for (; value >= 1000 && unit < 4; ++unit) value /= 1000;
  return unit == 0 ? absl::StrCat(bytes, " B")
                   : absl::StrFormat("%.1f %s", value, units[unit]);
}

std::string FormatDuration(double seconds) {
  const int64_t whole = std::llround(std::max(seconds, 0.0));
  if (whole < 60) return absl::StrCat(whole, " s");
  if (whole < 3600) {
    return absl::StrCat(whole / 60, " min ", whole % 60, " s");
  }
  return absl::StrCat(whole / 3600, " h ", whole % 3600 / 60, " min");
}

std::string ShortDigest(const std::string& digest) {
  return digest.substr(0, 12);
}

Json ToJson(const Message& message) {
  if (message.GetDescriptor()->full_name() == "google.protobuf.Timestamp") {
    const auto& time = static_cast<const google::protobuf::Timestamp&>(message);
    return absl::FormatTime(
        absl::RFC3339_full,
        absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos()),
        absl::UTCTimeZone());
  }
  if (message.GetDescriptor()->full_name() == "google.protobuf.Duration") {
    const auto& time = static_cast<const google::protobuf::Duration&>(message);
    return static_cast<double>(time.seconds()) + 1e-9 * time.nanos();
  }
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  Json json = Json::object();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& field = *message.GetDescriptor()->field(i);
    if (field.is_map()) {
      Json map = Json::object();
      for (int at = 0; at < reflection.FieldSize(message, &field); ++at) {
        const Json entry =
            ToJson(reflection.GetRepeatedMessage(message, &field, at));
        map[entry["key"].get<std::string>()] = entry["value"];
      }
      json[field.name()] = std::move(map);
    } else if (field.is_repeated()) {
      Json array = Json::array();
      for (int at = 0; at < reflection.FieldSize(message, &field); ++at) {
        array.push_back(Value(message, field, at));
      }
      json[field.name()] = std::move(array);
    } else if (!field.has_presence() || reflection.HasField(message, &field)) {
      json[field.name()] = Value(message, field, -1);
    }
  }
  return json;
}

std::string JsonText(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace nevus
