#include "compute/feature/eager_reference.h"

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace nevus {

absl::StatusOr<std::unique_ptr<EagerNetwork>> NewEagerReference(
    const Backbone& backbone, const std::string& cut, int threads) {
  const NetworkTable* const table = backbone.table();
  if (table == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("the eager yardstick knows the built-in networks, not ",
                     backbone.info().arch, ". Choose another backbone"));
  }
  ASSIGN_OR_RETURN(const std::vector<Cut> cuts, FindCuts(backbone.info(), cut));
  std::vector<std::string> names;
  for (const Cut& found : cuts) names.push_back(found.name);
  EagerOptions options;
  options.threads = threads;
  return EagerNetwork::Create(CutAtAll(table->layers, names), table->weights,
                              names, backbone.info().input_size, options);
}

}  // namespace nevus
