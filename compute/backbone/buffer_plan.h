// Where buffers lie in one arena, so that those not needed at the same time
// share memory. Pure: knows sizes and steps, no memory and no network.
#ifndef NEVUS_COMPUTE_BACKBONE_BUFFER_PLAN_H_
#define NEVUS_COMPUTE_BACKBONE_BUFFER_PLAN_H_

#include <cstddef>
#include <vector>

namespace nevus {

// Needed from step `first` to step `last`, both included.
struct BufferUse {
  size_t bytes = 0;
  int first = 0, last = 0;
};

struct BufferPlan {
  std::vector<size_t> offsets;  // one a buffer, multiples of kBufferAlignment
  size_t bytes = 0;             // of the arena
};

// A cache line is 64; two neighbours are fetched together.
constexpr size_t kBufferAlignment = 128;

// Two buffers that a common step needs never overlap. Greedy, the largest
// first, each as low as it fits (Pisarchyk and Lee, 2020, "greedy by size").
BufferPlan PlanBuffers(const std::vector<BufferUse>& uses);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_BUFFER_PLAN_H_
