// Keys and values as our stores write them: keys of parts, values with a
// checksum of their own, so that a bit that flips in memory or in the engine is
// DATA_LOSS naming the key, never a wrong answer. The layout is in
// docs/storage_format.md.
#ifndef NEVUS_STORAGE_ENGINE_RECORD_H_
#define NEVUS_STORAGE_ENGINE_RECORD_H_

#include <google/protobuf/message_lite.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/status.h"
#include "storage/engine/key_value_store.h"

namespace nevus {

// The parts with '!' between them: '!' sorts before every character of a name,
// so keys sort by part. Only the last part may contain it. A last part "" gives
// the prefix of all keys below the others.
std::string Key(const std::vector<std::string>& parts);

// 19 digits: numbers as parts of a key sort by value.
std::string KeyNumber(int64_t number);

// What follows the last '!' of the first `parts` parts of `key`.
std::string KeyTail(std::string_view key, int parts);

// `bytes` with their Checksum64, 8 bytes little-endian, before them.
std::string WithChecksum(std::string_view bytes);

// The bytes without their checksum. DATA_LOSS naming `key` if they do not
// match. The result points into `value`.
absl::StatusOr<std::string_view> CheckedBytes(std::string_view key,
                                              std::string_view value);

// DATA_LOSS (STORE_DAMAGED) naming `key`; `why` says what is wrong with it.
absl::Status DamagedValue(std::string_view key, const std::string& why);

// A message under a key, with a checksum.
Mutation PutRecord(std::string key,
                   const google::protobuf::MessageLite& record);
// Text under a key, with a checksum.
Mutation PutText(std::string key, std::string_view text);
Mutation DeleteKey(std::string key);

// Reads `value` into `record`. DATA_LOSS naming `key`.
absl::Status ParseRecord(std::string_view key, std::string_view value,
                         google::protobuf::MessageLite& record);

// Errors: NOT_FOUND; DATA_LOSS.
template <typename T>
absl::StatusOr<T> GetRecord(const KeyValueStore& store,
                            const std::string& key) {
  ASSIGN_OR_RETURN(const std::string value, store.Get(key));
  T record;
  RETURN_IF_ERROR(ParseRecord(key, value, record));
  return record;
}

// Calls `visit` with each record below `prefix` after `start_after`, until it
// returns false. Errors: DATA_LOSS.
template <typename T, typename Visit>
absl::Status ScanRecords(const KeyValueStore& store, const std::string& prefix,
                         const std::string& start_after, const Visit& visit) {
  absl::Status damage;
  RETURN_IF_ERROR(store.Scan(
      prefix, start_after, [&](std::string_view key, std::string_view value) {
        T record;
        damage = ParseRecord(key, value, record);
        return damage.ok() && visit(key, std::move(record));
      }));
  return damage;
}

// Errors: NOT_FOUND; DATA_LOSS.
absl::StatusOr<std::string> GetText(const KeyValueStore& store,
                                    const std::string& key);

// True if there is a value under `key`. Reads it, so keep it small.
absl::StatusOr<bool> Contains(const KeyValueStore& store,
                              const std::string& key);

}  // namespace nevus

#endif  // NEVUS_STORAGE_ENGINE_RECORD_H_
