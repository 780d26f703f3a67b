// An instant, as the viewer's clock says it; how long ago it is counts on.
export default {
  template: `<time v-if="at" :datetime="at" :title="exact ? spaces.ago(at, now) : spaces.stamp(at)">{{ prefix }}{{ exact ? spaces.stamp(at) : spaces.ago(at, now) }}</time>`,
  props: { at: String, exact: Boolean, prefix: { type: String, default: "" } },
  data: () => ({ now: Date.now(), spaces: window.spaces }),
  mounted() {
    this.ticking = setInterval(() => (this.now = Date.now()), 1000);
  },
  unmounted() {
    clearInterval(this.ticking);
  },
};
