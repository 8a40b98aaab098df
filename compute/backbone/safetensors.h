// Reads .safetensors (github.com/huggingface/safetensors, format 0.x): 8 bytes
// of header length, a JSON header, then the tensors one after another.
#ifndef NEVUS_COMPUTE_BACKBONE_SAFETENSORS_H_
#define NEVUS_COMPUTE_BACKBONE_SAFETENSORS_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "compute/backbone/tensor.h"

namespace nevus {

// True if `bytes` begin like a .safetensors file.
bool LooksLikeSafetensors(std::string_view bytes);

// The tensors of `wanted` that the file holds, as floats (F16 and BF16 are
// widened, exactly). Others are ignored, but the whole header must be sound: as
// in the reference implementation the tensors fill the file without holes or
// overlaps. INVALID_ARGUMENT, naming the tensor, otherwise, and for a wanted
// tensor of another shape or type or with a value that is not finite.
absl::StatusOr<Tensors> ReadSafetensors(std::string_view bytes,
                                        const TensorShapes& wanted);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_SAFETENSORS_H_
