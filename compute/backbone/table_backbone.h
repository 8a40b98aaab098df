// A backbone whose network is one of the tables of architecture.h: all of them
// are loaded, named and run here alike.
#ifndef NEVUS_COMPUTE_BACKBONE_TABLE_BACKBONE_H_
#define NEVUS_COMPUTE_BACKBONE_TABLE_BACKBONE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "compute/backbone/backbone.h"

namespace nevus {

// As Backbone::Load. REQUIRES: source.arch is of ArchitectureNames(), weights
// or a seed are there, and the input size is in range.
absl::StatusOr<std::unique_ptr<Backbone>> LoadTableBackbone(
    const BackboneSource& source);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_TABLE_BACKBONE_H_
