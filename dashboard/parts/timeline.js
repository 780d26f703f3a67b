// What happened, in order, with the time that passed between.
export default {
  template: `
  <ol class="timeline" :aria-label="label">
    <template v-for="(e, i) in events" :key="e.id">
      <li v-if="gap(i)" class="gap">{{ gap(i) }} later</li>
      <li :class="e.tone">
        <div class="what">{{ e.text }}</div>
        <div class="when"><time :datetime="e.at" :title="spaces.stamp(e.at)">{{ spaces.clock(e.at) }}</time><span v-if="e.note"> · {{ e.note }}</span></div>
      </li>
    </template>
  </ol>`,
  props: { events: Array, label: String },
  data: () => ({ spaces: window.spaces }),
  methods: {
    gap(place) {
      if (!place) return "";
      const seconds = (Date.parse(this.events[place].at) - Date.parse(this.events[place - 1].at)) / 1000;
      return seconds >= 5 ? this.spaces.span(seconds) : "";
    },
  },
};
