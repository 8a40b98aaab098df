// Settles a feature space's arithmetic before any feature is computed: what
// "auto" takes and where int8's ranges end. Measured once for a dataset and a
// backbone, on the dataset's images, and kept: a feature space must be named
// when its job is submitted, since jobs that wait for it name it, too.
#ifndef NEVUS_SERVICES_EXTRACTION_ARITHMETIC_RESOLVER_H_
#define NEVUS_SERVICES_EXTRACTION_ARITHMETIC_RESOLVER_H_

#include <grpcpp/server_context.h>

#include <string>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "compute/backbone/backbone.h"
#include "compute/feature/feature_space.h"
#include "protos/nevus/v1/feature.pb.h"
#include "services/runtime/peers.h"
#include "storage/engine/key_value_store.h"
#include "storage/feature/choice_store.h"

namespace nevus {

struct ResolvedArithmetic {
  Arithmetic arithmetic = Arithmetic::kFp32;
  Calibration calibration;
  std::string reason;  // of "auto", for people; else ""
};

// Thread-safe. Measures one backbone at a time, on `threads` cores, which takes
// seconds.
class ArithmeticResolver {
 public:
  // `peers` and `store` must outlive this.
  ArithmeticResolver(const Peers& peers, KeyValueStore& store, int threads)
      : peers_(peers), threads_(threads), choices_(store) {}

  // `spec`: resolved but for its arithmetic. Errors: those of the contract's
  // Extract; as LoadBackbone and of ingestion.
  absl::StatusOr<ResolvedArithmetic> Resolve(
      const v1::ResolveFeatureSpaceRequest& request,
      const BackboneInfo& backbone, const FeatureSpaceSpec& spec,
      const grpc::ServerContext* caller);

 private:
  // What is kept of a subject, or else measured now if there is a dataset.
  absl::StatusOr<ResolvedArithmetic> FindOrMeasure(
      const v1::ResolveFeatureSpaceRequest& request, const ChoiceSubject& key,
      const FeatureSpaceSpec& spec, bool choose,
      const grpc::ServerContext* caller);

  const Peers& peers_;
  const int threads_;
  Mutex measuring_;
  ChoiceStore choices_;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_EXTRACTION_ARITHMETIC_RESOLVER_H_
