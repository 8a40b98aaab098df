// What the commands that start jobs share: flags, and the fields they set.
#ifndef NEVUS_CLIENTS_NEVUS_TRAINING_H_
#define NEVUS_CLIENTS_NEVUS_TRAINING_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/digest.h"
#include "base/name.h"
#include "clients/nevus/command.h"

namespace nevus {

// "isic@1" of `what`, as a USAGE error if it is not that.
absl::StatusOr<VersionedName> VersionArgument(const std::string& what,
                                              const std::string& text);

// Which features: --backbone, --cut, --pool, --precision.
std::vector<Flag> FeatureFlags();

// --calibrated-on, of extract and of the export of what it extracted.
Flag CalibratedOnFlag();

// --priority of a job.
Flag PriorityFlag();

// The features that FeatureFlags ask for. The dataset belongs to them: it is
// its images that --precision auto is measured on.
template <typename Request>
void SetSpace(const Invocation& line, const VersionedName& dataset,
              Request* request) {
  request->set_dataset(dataset.name);
  request->set_version(dataset.version);
  request->set_backbone(line.Text("backbone"));
  request->set_cut(line.Text("cut"));
  request->set_pooling(line.Text("pool"));
  request->set_precision(line.Text("precision"));
  request->set_views(static_cast<int32_t>(line.Integer("views")));
  request->set_values(line.Text("values"));
}

// The same of a job, with --priority and a fresh request_id: a call that is
// repeated on the way must not submit twice.
template <typename Request>
void SetFeatures(const Invocation& line, const VersionedName& dataset,
                 Request* request) {
  SetSpace(line, dataset, request);
  request->set_priority(static_cast<int32_t>(line.Integer("priority")));
  request->set_request_id(RandomHex(16));
}

}  // namespace nevus

#endif  // NEVUS_CLIENTS_NEVUS_TRAINING_H_
