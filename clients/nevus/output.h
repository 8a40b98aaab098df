// The three forms of a result: table, CSV, JSON; and how numbers look in them.
// Pure: text in, text out.
#ifndef NEVUS_CLIENTS_NEVUS_OUTPUT_H_
#define NEVUS_CLIENTS_NEVUS_OUTPUT_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "google/protobuf/message.h"

namespace nevus {

// Keeps the order of insertion.
using Json = nlohmann::ordered_json;

using Row = std::vector<std::string>;

struct Table {
  Row header;
  std::vector<Row> rows;
};

// `text` on one line: control characters, and so a terminal's escape sequences,
// become spaces.
std::string OneLine(const std::string& text);
// Characters, not bytes.
size_t Width(const std::string& text);
// The first `width` characters, the last of them an ellipsis if some are left
// out.
std::string CutTo(const std::string& text, size_t width);

// Columns padded to their widest cell, two spaces between them.
std::string AlignTable(const Table& table);
// One CSV line as in RFC 4180, ended by "\n".
std::string CsvLine(const Row& row);

// `digits` after the point: "0.761".
std::string FormatNumber(double value, int digits);
// "2,150".
std::string FormatCount(int64_t count);
// "1.4 MB": powers of 1000.
std::string FormatBytes(int64_t bytes);
// "5 s", "2 min 5 s", "3 h 4 min".
std::string FormatDuration(double seconds);
// The first 12 digits of a digest.
std::string ShortDigest(const std::string& digest);

// A message as JSON: fields by their proto names, set or not (absent messages
// are left out), 64-bit numbers as numbers, enums by name, bytes as hex, times
// as RFC 3339, durations as seconds.
Json ToJson(const google::protobuf::Message& message);

// One JSON value for stdout. Text that is not UTF-8 is made so.
std::string JsonText(const Json& json);

}  // namespace nevus

#endif  // NEVUS_CLIENTS_NEVUS_OUTPUT_H_
