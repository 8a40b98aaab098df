#include "storage/engine/key_value_store.h"

namespace nevus {

absl::Status CheckKeys(const std::vector<Mutation>& batch) {
  for (const Mutation& mutation : batch) {
    if (mutation.key.empty() || mutation.key[0] == '\0') {
      return absl::InvalidArgumentError(
          "a key to be written is empty or begins with a zero byte; such keys "
          "are the engine's own: choose another");
    }
  }
  return absl::OkStatus();
}

}  // namespace nevus
