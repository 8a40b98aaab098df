// Keeps backbones: their descriptions, and the weight files they came from in
// pieces. Feature spaces name them by digest. Reads no weights.
#ifndef NEVUS_STORAGE_BACKBONE_BACKBONE_STORE_H_
#define NEVUS_STORAGE_BACKBONE_BACKBONE_STORE_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "protos/nevus/v1/backbone.pb.h"
#include "storage/engine/key_value_store.h"
#include "storage/engine/request_log.h"

namespace nevus {

// Thread-safe. Writers wait for each other, over their disk writes too. Readers
// wait for nobody.
//
// Errors of all: NOT_FOUND (BACKBONE_NOT_FOUND); DATA_LOSS. What takes a
// RequestEntry writes the rpc's answer there, with the change.
class BackboneStore {
 public:
  // `store` must outlive this.
  explicit BackboneStore(KeyValueStore& store) : store_(store) {}

  // Stores `backbone` with its weight file ("" for weights from a seed),
  // synced. The pieces come first, so that a backbone is never there without
  // them. The same content under the same name returns what is there. Errors:
  // ALREADY_EXISTS: the name stands for another backbone, or, since features
  // name a backbone by digest alone, another name gives the same weights
  // another normalisation (BACKBONE_EXISTS).
  absl::StatusOr<v1::Backbone> Put(v1::Backbone backbone,
                                   std::string_view weights, absl::Time now,
                                   const RequestEntry& entry = {});

  // By name or digest; a name wins.
  absl::StatusOr<v1::Backbone> Get(const std::string& name_or_digest) const;
  // The first `limit` after the name `start_after`, in order of name.
  absl::StatusOr<std::vector<v1::Backbone>> List(const std::string& start_after,
                                                 int limit) const;
  absl::Status Delete(const std::string& name, const RequestEntry& entry = {});

  // Calls `visit` with the weight file's pieces, of at most 4 MiB, in order,
  // until it returns false. DATA_LOSS, at the end: they do not have their
  // SHA-256.
  absl::Status ReadWeights(
      const std::string& name_or_digest,
      const std::function<bool(std::string_view)>& visit) const;

 private:
  absl::StatusOr<std::vector<Mutation>> DeletePieces(
      const std::string& name) const;

  KeyValueStore& store_;
  Mutex writers_;
};

}  // namespace nevus

#endif  // NEVUS_STORAGE_BACKBONE_BACKBONE_STORE_H_
