#include "tests/chaos/power_loss/oracle.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/status.h"

namespace nevus {
namespace {

using Rows = std::map<std::string, std::string>;

void Play(const std::vector<Mutation>& batch, Rows& rows) {
  for (const Mutation& mutation : batch) {
    if (mutation.value.has_value()) {
      rows[mutation.key] = *mutation.value;
    } else {
      rows.erase(mutation.key);
    }
  }
}

// The first key in which `stored` differs from `expected`, as a sentence.
std::string Difference(const Rows& expected, const Rows& stored) {
  for (const auto& [key, value] : expected) {
    const auto found = stored.find(key);
    if (found == stored.end()) return Quoted(key) + " is lost";
    if (found->second != value) return Quoted(key) + " has another value";
  }
  for (const auto& [key, value] : stored) {
    if (expected.count(key) == 0) {
      return Quoted(key) + " is there and should not be";
    }
  }
  return "";
}

}  // namespace

void Oracle::Settle() {
  Play(*pending_, rows_);
  pending_.reset();
  ++settled_;
}

absl::Status Oracle::Compare(const KeyValueStore& store) {
  Rows stored;
  RETURN_IF_ERROR(
      store.Scan("", "", [&](std::string_view key, std::string_view value) {
        stored.emplace(key, value);
        return true;
      }));
  const std::string without = Difference(rows_, stored);
  if (without.empty()) {
    pending_.reset();
    return absl::OkStatus();
  }
  if (!pending_.has_value()) {
    return absl::DataLossError(
        absl::StrCat("of ", settled_, " acknowledged writes: ", without));
  }
  Rows with_pending = rows_;
  Play(*pending_, with_pending);
  const std::string with = Difference(with_pending, stored);
  if (!with.empty()) {
    return absl::DataLossError(
        absl::StrCat("of ", settled_, " acknowledged writes: ", without,
                     "; and with the write that was under way: ", with));
  }
  Settle();
  return absl::OkStatus();
}

}  // namespace nevus
