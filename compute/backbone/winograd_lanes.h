// The compiler's vectors of kLanes channels.
//
// What includes this is compiled once an instruction set, so nothing may be
// shared between two such files: all is in templates of the vector's length,
// and no other header's function is called.
#ifndef NEVUS_COMPUTE_BACKBONE_WINOGRAD_LANES_H_
#define NEVUS_COMPUTE_BACKBONE_WINOGRAD_LANES_H_

namespace nevus {

template <int kLanes>
struct WinogradLanes {
  typedef float Lanes __attribute__((vector_size(4 * kLanes), aligned(4)));

  static Lanes Load(const float* from) {
    return *reinterpret_cast<const Lanes*>(from);
  }
  static void Store(const Lanes& lanes, float* to) {
    *reinterpret_cast<Lanes*>(to) = lanes;
  }
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_WINOGRAD_LANES_H_
