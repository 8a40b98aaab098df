#include "storage/engine/record.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/digest.h"
#include "base/name.h"

namespace nevus {
namespace {

constexpr size_t kChecksumBytes = 8;

std::string ChecksumOf(std::string_view bytes) {
  const uint64_t sum = Checksum64(bytes);
  std::string text(kChecksumBytes, '\0');
  for (size_t i = 0; i < kChecksumBytes; ++i) {
    text[i] = static_cast<char>(sum >> (8 * i));
  }
  return text;
}

}  // namespace

std::string Key(const std::vector<std::string>& parts) {
  return absl::StrJoin(parts, "!");
}

std::string KeyNumber(int64_t number) {
  return absl::StrFormat("%019d", number);
}

std::string KeyTail(std::string_view key, int parts) {
  for (; parts > 0; --parts) key.remove_prefix(key.find('!') + 1);
  return std::string(key);
}

std::string WithChecksum(std::string_view bytes) {
  std::string value = ChecksumOf(bytes);
  value.append(bytes);
  return value;
}

absl::StatusOr<std::string_view> CheckedBytes(std::string_view key,
                                              std::string_view value) {
  if (value.size() < kChecksumBytes) {
    return DamagedValue(key, "is shorter than its checksum");
  }
  const std::string_view bytes = value.substr(kChecksumBytes);
  if (ChecksumOf(bytes) != value.substr(0, kChecksumBytes)) {
    return DamagedValue(key, "does not have its checksum");
  }
  return bytes;
}

absl::Status DamagedValue(std::string_view key, const std::string& why) {
  return WithReason(
      absl::DataLossError(absl::StrCat(
          "the stored value of ", Quoted(std::string(key)), " ", why,
          "; it is damaged: restore it from a backup or make it again")),
      "STORE_DAMAGED");
}

Mutation PutRecord(std::string key,
                   const google::protobuf::MessageLite& record) {
  return {std::move(key), WithChecksum(record.SerializeAsString())};
}

Mutation PutText(std::string key, std::string_view text) {
  return {std::move(key), WithChecksum(text)};
}

Mutation DeleteKey(std::string key) { return {std::move(key), std::nullopt}; }

absl::Status ParseRecord(std::string_view key, std::string_view value,
                         google::protobuf::MessageLite& record) {
  ASSIGN_OR_RETURN(const std::string_view bytes, CheckedBytes(key, value));
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return DamagedValue(key, "is no " + record.GetTypeName());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> GetText(const KeyValueStore& store,
                                    const std::string& key) {
  ASSIGN_OR_RETURN(const std::string value, store.Get(key));
  ASSIGN_OR_RETURN(const std::string_view bytes, CheckedBytes(key, value));
  return std::string(bytes);
}

absl::StatusOr<bool> Contains(const KeyValueStore& store,
                              const std::string& key) {
  const absl::Status status = store.Get(key).status();
  if (absl::IsNotFound(status)) return false;
  RETURN_IF_ERROR(status);
  return true;
}

}  // namespace nevus
