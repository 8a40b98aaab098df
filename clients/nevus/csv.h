// Reading CSV as in RFC 4180. Knows no noun of Nevus.
#ifndef NEVUS_CLIENTS_NEVUS_CSV_H_
#define NEVUS_CLIENTS_NEVUS_CSV_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace nevus {

struct CsvRecord {
  int line = 0;  // where it begins, from 1
  std::vector<std::string> fields;
};

// The header and the records of `text`: quotes, line ends of Unix and DOS, a
// byte-order mark; empty lines are skipped, spaces around unquoted fields are
// dropped. INVALID_ARGUMENT, naming the line: bytes that are not UTF-8
// (CSV_NOT_UTF8), a quote that is never closed or stands within a field
// (CSV_QUOTE), a record with more or fewer fields than the header (CSV_FIELDS);
// no record at all (CSV_EMPTY).
absl::StatusOr<std::vector<CsvRecord>> ParseCsv(const std::string& text);

}  // namespace nevus

#endif  // NEVUS_CLIENTS_NEVUS_CSV_H_
